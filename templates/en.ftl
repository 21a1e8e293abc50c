# English, as plain as the Dutch: short sentences, one message each, first what is, then what you can do.

site = Log in
site-out = Log out
error-prefix = Error:
back = Back
stop = Stop
start-again = Start again
way-back = Back to { $portal }
email = Email address
password = Password
password-new = New password
password-optional = Password (optional)
password-rule = Use at least 12 characters. A sentence of a few words is easy to remember.
password-too-short = This password is too short. Use at least 12 characters.
password-too-common = This password is easy to guess. Choose another password.
not-an-email = This is not an email address. Enter an address like name@example.nl.
wrong = This email address or password is not right.

choose-title = Log in to { $portal }
choose-digid = Log in with DigiD
choose-safest = This is the safest way.
choose-child = Log in for your child with your own DigiD
choose-child-hint = For parents with authority over a child younger than 12. You choose your child at DigiD.
choose-local = Log in with email and password
choose-no-digid = No DigiD yet?
choose-get-digid = Apply for DigiD at digid.nl.
choose-own-digid = Never use another person's DigiD, not even your child's.
choose-no-account = No account yet?
choose-make-account = Create an account
choose-cancelled = You cancelled logging in with DigiD.
choose-cancelled-both = You are not logged in. Try again, or log in with email and password.
choose-cancelled-again = You are not logged in. You can try again below.
choose-nobody = You did not choose a child at DigiD. You are not logged in yet.
choose-nobody-do = Choose again below: do you want to log in for yourself or for your child?
choose-changed = Your password has been changed. Now log in with your new password.
choose-none = You cannot log in right now. Please try again later.

email-title = Log in with email and password
email-next = After this we will send you a code by email.
email-submit = Continue
email-forgot = Forgot your password?

code-title = Enter the code
code-sent = We have sent a code to { $masked }. The code works for 10 minutes.
code-sent-register = We have sent an email to { $masked }. Enter the code from that email. The code works for 10 minutes.
code-sent-recover = Does { $masked } belong to an account? Then we have sent a code to this address. The code works for 10 minutes.
code-reference = The email has the reference { $reference }.
code-resent = Use the new code now. The old code no longer works.
code-label = Code of 6 digits
code-label-long = Code of 10 characters
code-hint-long = The code has letters and digits. You may type small letters. Spaces do not matter.
code-submit = Continue
code-none = No email? Also look in your spam folder.
code-resend = Send a new code
code-wrong =
    { $left ->
        [one] This code is not right. You can try 1 more time.
       *[other] This code is not right. You can try { $left } more times.
    }
code-ended = This code has expired. Ask for a new one.
code-wait =
    { $seconds ->
        [one] Wait 1 more second. Then ask for a new code.
       *[other] Wait { $seconds } more seconds. Then ask for a new code.
    }
code-no-more = We cannot send another code. Use the latest code, or stop and log in again.

question-title = Do you already have an account?
question-text = You are logged in with DigiD. We do not know your DigiD yet.
question-have = I have an account
question-have-hint = You have logged in with email and password before. We will link your DigiD to that account.
question-new = I do not have an account yet
question-new-hint = We will create a new account for you.

link-title = Link DigiD to your account
link-text = Enter the email address and password of your account. After that we will send you a code by email. You only need to do this once.
link-submit = Continue

register-title = Create your account
register-hint = Everyone needs their own email address. An alias is fine too, for example name+child@gmail.com.
register-code = We will send a code to this address.
register-optional = With a password you can also log in without DigiD. You may leave this empty.
register-submit = Continue

recover-title = Forgot your password?
recover-text = Enter your email address. Does it belong to an account? Then we will send you a code. With it you choose a new password.
recover-submit = Send a code
recover-digid-title = First log in with DigiD
recover-digid-text = Your account is linked to DigiD. Log in with DigiD. After that you choose a new password.
recover-digid-why = This way nobody else can change your password.
new-password-title = Choose a new password
new-password-text = After this you are logged out everywhere. Then log in with your new password.
new-password-submit = Save the password

digid-title = Continue to DigiD
digid-text = You are now going to DigiD to log in. After that you will come back here.
digid-submit = Continue to DigiD

linked-title = DigiD is linked
linked-text = Done. From now on you can log in with DigiD or with your email address and password.
linked-safer = Logging in with DigiD is the safest way.
linked-submit = Continue to { $portal }

portal-policy = What this portal does with your information (at { $host })
portal-terms = The terms of this portal (at { $host })

for-whom-title = For whom do you want to log in?
for-whom-legend = Choose one person
for-whom-self = For myself
for-whom-person = For { $name } ({ $year })
for-whom-submit = Continue
for-whom-nobody = First choose for whom you want to log in.
for-whom-not-them = You cannot log in for this person now. Choose again.

consent-title = May { $portal } have this information?
consent-text = You are logged in. This portal is not ours. It is at { $host }. It asks for:
consent-once = If you allow this, we will remember it. We will ask again if this portal wants to know more.
consent-allow = Allow
consent-refuse = Refuse
consent-refuse-hint = You will be logged in, but not at this portal.
consent-scope-openid = a number by which this portal recognises you
consent-scope-profile = your profile: your names and, if we know them, details such as your date of birth and gender
consent-scope-email = your email address
consent-scope-address = your postal address
consent-scope-phone = your telephone number
consent-scope-act_as = for whom you may act
consent-scope-offline_access = your information, also when you are no longer logged in: for 30 days
consent-api = access to { $api }, on your behalf
consent-claim-name = your full name
consent-claim-given_name = your first name
consent-claim-family_name = your last name
consent-claim-middle_name = your middle name
consent-claim-nickname = what friends call you
consent-claim-preferred_username = your user name
consent-claim-profile = the web address of your profile
consent-claim-picture = a picture of you
consent-claim-website = your website
consent-claim-gender = your gender
consent-claim-birthdate = your date of birth
consent-claim-zoneinfo = your time zone
consent-claim-locale = your language
consent-claim-updated_at = when your profile was changed

logout-title = Do you want to log out?
logout-text = Next time you will have to log in again.
logout-submit = Log out
logout-stay = Do you want to stay logged in? Then close this page.
logged-out-title = You are logged out.
logged-out-text = On a shared computer, close your browser too.
digid-logout-title = Log out of DigiD too
digid-logout-text = You are logged out here. You may still be logged in at DigiD. Log out there too. Otherwise somebody else may be able to log in on this device with your DigiD.
digid-logout-submit = Log out of DigiD
partly-title = You may not be logged out everywhere
partly = You are logged out here. You, or somebody else in this browser, may still be logged in at DigiD or at another website.
partly-do = Close your browser. Always do this on a shared computer.
partly-back = Back to the website

digid-failed-title = Logging in with DigiD did not work
digid-failed = Something went wrong in the communication with DigiD. Please try again later. If this error continues, look at the website https://www.digid.nl for the latest information.
digid-failed-do = You are not logged in.
digid-site = Go to the DigiD website
level-title = You cannot log in this way yet
level = You need the DigiD app or text message (sms) verification.
level-do = Turn on the DigiD app or text message verification on the DigiD website. Then log in here again.
level-substantieel = You need the DigiD app with an ID check. That is called DigiD Substantieel.
level-substantieel-do = Do the ID check in the DigiD app, with your passport, identity card or driving licence. Then log in here again with the app.
level-hoog = You need the DigiD app, together with your identity card or driving licence. That is called DigiD Hoog.
level-hoog-do = The DigiD website tells how to turn that on. Then log in here again.
young-title = You cannot log in here yet
young = You are not 12 years old yet. Your father, mother or guardian looks for you.
young-do = They log in with their own DigiD. From your 12th birthday you can log in yourself.
child-title = You cannot log in for your child this way
child-twelve = Our records say that your child is 12 or older, or may be. Then you can no longer log in for your child this way. You are not logged in.
child-twelve-do = Ask at the desk of your care provider how you and your child can arrange access together. Is the age wrong? Then ask for help at the desk too. Bring your identity document, and your child's.
child-desk = We cannot log you in for this child now. Perhaps your child is not registered with us in full yet. You are not logged in.
child-desk-do = Ask for help at the desk of your care provider. Bring your identity document, and your child's. Do you want to log in for yourself? Then go back to the website of your care provider and log in again.
out-title = You were logged out at DigiD
out = You were logged out at DigiD while you were logging in here. So you are not logged in.
out-do = Do you still want to log in? Go back to the website of your care provider and log in again.
gone-title = This login has expired
gone = This login has expired or belongs to another browser.
gone-do = Go back to the website of your care provider and log in again. First close other windows in which you were logging in.
bad-request-title = You cannot log in right now
bad-request = The website you came from sent a request that we do not understand. This is not your fault.
bad-request-do = Go back to the website of your care provider and try again. Does it still not work? Then call your care provider.
bad-request-code = Code for the helpdesk: { $code }
busy-title = It is very busy
busy = Many people are logging in now. That is why it does not work for a moment.
busy-do = Wait ten seconds and reload this page.
tries-title = Please wait before you log in
tries = There have just been very many tries to log in with this email address. That is why it did not work now. We have not looked at your password yet.
tries-do = Try again in a minute.
return-title = Logging in with DigiD did not work
return = Your browser did not come back from DigiD in the right way: the address was not right. You are not logged in.
return-do = Go back to the website of your care provider and log in again. Do not use an old link or bookmark.
large-title = This is too much
large = You sent more than we can receive. Nothing has changed.
large-do = Go back and fill in less. Or go back to the website of your care provider and log in again.
fault-title = Something went wrong
fault = Something went wrong on our side. This is not your fault.
fault-do = Try again in a few minutes. Does it still not work? Then call your care provider and mention the number below.
fault-number = Number: { $request }
not-found-title = This page does not exist
not-found = The address is not right, or the page is no longer there.
not-found-do = Go back to the website of your care provider and log in again.
method-title = This page does not work like that
method = This page cannot be opened in this way.
method-do = Go back to the website of your care provider and log in again.
forbidden-title = This form no longer works
forbidden = For your safety we did not process the form. Nothing has changed.
forbidden-do = Go back to the website of your care provider and log in again. Your browser must allow cookies.
elsewhere-title = Linking did not work
elsewhere = This account or this DigiD is already linked to something else. Nothing has changed.
elsewhere-do = Ask for help at the desk of your care provider. Bring your identity document.
another-title = Your password has not changed
another = The DigiD you logged in with does not belong to this account. Nothing has changed.
another-do = Start again and use your own DigiD. Does it not work? Ask for help at the desk of your care provider. Bring your identity document.
childs-digid = Our records say that you are younger than 16. That is why we do not link your DigiD to an account that already exists. Nothing has changed.
childs-digid-do = Log in with DigiD again and choose “I do not have an account yet”. Use your own email address. An alias is fine too. Do you prefer the account that already exists? Ask for help at the desk of your care provider. Bring your identity document.
mails-title = Too many emails
mails = We have sent many emails to this address lately.
mails-do = Try again in an hour.
password-too-long = This password is too long. Use fewer than 256 characters.
done-title = You are logged in

form-post-title = You are going on now
form-post-text = Does nothing happen? Then choose “Continue”.
form-post-submit = Continue
