# Nederlands, B1, met "u". Korte zinnen, één boodschap per zin, eerst wat er is, dan wat u kunt doen.

site = Inloggen
site-out = Uitloggen
error-prefix = Fout:
back = Terug
stop = Stoppen
start-again = Opnieuw beginnen
way-back = Terug naar { $portal }
email = E-mailadres
password = Wachtwoord
password-new = Nieuw wachtwoord
password-optional = Wachtwoord (niet verplicht)
password-rule = Gebruik minstens 12 tekens. Een zin met een paar woorden is makkelijk te onthouden.
password-too-short = Dit wachtwoord is te kort. Gebruik minstens 12 tekens.
password-too-common = Dit wachtwoord is makkelijk te raden. Kies een ander wachtwoord.
not-an-email = Dit is geen e-mailadres. Vul een adres in zoals naam@voorbeeld.nl.
wrong = Dit e-mailadres of wachtwoord klopt niet.

choose-title = Inloggen bij { $portal }
choose-digid = Inloggen met DigiD
choose-safest = Dit is de veiligste manier.
choose-child = Inloggen voor uw kind met uw eigen DigiD
choose-child-hint = Voor ouders met gezag over een kind dat jonger is dan 12 jaar. U kiest uw kind bij DigiD.
choose-local = Inloggen met e-mail en wachtwoord
choose-no-digid = Nog geen DigiD?
choose-get-digid = Vraag DigiD aan op digid.nl.
choose-own-digid = Gebruik nooit de DigiD van iemand anders, ook niet van uw kind.
choose-no-account = Nog geen account?
choose-make-account = Maak een account
choose-cancelled = U heeft het inloggen met DigiD geannuleerd.
choose-cancelled-both = Probeer het opnieuw, of log in met e-mail en wachtwoord.
choose-cancelled-again = U kunt het hieronder opnieuw proberen.
choose-nobody = U heeft bij DigiD geen kind gekozen. U bent nog niet ingelogd.
choose-nobody-do = Kies hieronder opnieuw: wilt u inloggen voor uzelf of voor uw kind?
choose-changed = Uw wachtwoord is veranderd. Log nu in met uw nieuwe wachtwoord.
choose-none = Inloggen kan nu niet. Probeer het later nog eens.

email-title = Inloggen met e-mail en wachtwoord
email-next = Hierna sturen we u een code per e-mail.
email-submit = Verder
email-forgot = Wachtwoord vergeten?

code-title = Vul de code in
code-sent = We hebben een code gestuurd naar { $masked }. De code werkt 10 minuten.
code-sent-register = We hebben een e-mail gestuurd naar { $masked }. Vul de code uit die e-mail in. De code werkt 10 minuten.
code-sent-recover = Hoort er een account bij { $masked }? Dan hebben we een code naar dit adres gestuurd. De code werkt 10 minuten.
code-reference = In de e-mail staat het kenmerk { $reference }.
code-resent = Gebruik nu de nieuwe code. De oude code werkt niet meer.
code-label = Code van 6 cijfers
code-label-long = Code van 10 tekens
code-hint-long = De code heeft letters en cijfers. U mag kleine letters typen. Spaties maken niet uit.
code-submit = Verder
code-none = Geen e-mail gekregen? Kijk ook bij uw ongewenste e-mail (spam).
code-resend = Stuur een nieuwe code
code-wrong = Deze code klopt niet. U kunt het nog { $left } keer proberen.
code-ended = Deze code is verlopen. Vraag een nieuwe aan.
code-wait =
    { $seconds ->
        [one] Wacht nog 1 seconde. Vraag dan een nieuwe code aan.
       *[other] Wacht nog { $seconds } seconden. Vraag dan een nieuwe code aan.
    }
code-no-more = We kunnen geen nieuwe code meer sturen. Gebruik de laatste code, of stop en log opnieuw in.

question-title = Heeft u al een account?
question-text = U bent ingelogd met DigiD. We kennen uw DigiD nog niet.
question-have = Ik heb een account
question-have-hint = U heeft al eens ingelogd met e-mail en wachtwoord. We koppelen uw DigiD aan dat account.
question-new = Ik heb nog geen account
question-new-hint = We maken een nieuw account voor u.

link-title = Koppel DigiD aan uw account
link-text = Vul het e-mailadres en wachtwoord van uw account in. Daarna sturen we u een code per e-mail. U hoeft dit maar één keer te doen.
link-submit = Verder

register-title = Maak uw account
register-hint = Iedereen heeft een eigen e-mailadres nodig. Een alias mag ook, bijvoorbeeld naam+kind@gmail.com.
register-code = We sturen een code naar dit adres.
register-optional = Met een wachtwoord kunt u ook inloggen zonder DigiD. U mag dit leeg laten.
register-submit = Verder

recover-title = Wachtwoord vergeten?
recover-text = Vul uw e-mailadres in. Hoort er een account bij? Dan sturen we u een code. Daarmee kiest u een nieuw wachtwoord.
recover-submit = Stuur een code
recover-digid-title = Log eerst in met DigiD
recover-digid-text = Uw account is gekoppeld aan DigiD. Log in met DigiD. Daarna kiest u een nieuw wachtwoord.
recover-digid-why = Zo kan niemand anders uw wachtwoord veranderen.
new-password-title = Kies een nieuw wachtwoord
new-password-text = Hierna bent u overal uitgelogd. U logt dan in met uw nieuwe wachtwoord.
new-password-submit = Bewaar het wachtwoord

digid-title = Verder naar DigiD
digid-text = U gaat nu naar DigiD om in te loggen. Daarna komt u hier terug.
digid-submit = Verder naar DigiD

linked-title = DigiD is gekoppeld
linked-text = Gelukt. Vanaf nu kunt u inloggen met DigiD of met uw e-mailadres en wachtwoord.
linked-safer = Inloggen met DigiD is de veiligste manier.
linked-submit = Verder naar { $portal }

logout-title = Wilt u uitloggen?
logout-text = De volgende keer moet u opnieuw inloggen.
logout-submit = Uitloggen
logout-stay = Wilt u ingelogd blijven? Sluit dan deze pagina.
logged-out-title = U bent uitgelogd.
logged-out-text = Sluit ook uw browser op een gedeelde computer.
digid-logout-title = Log ook uit bij DigiD
digid-logout-text = U bent hier uitgelogd. Misschien bent u nog ingelogd bij DigiD. Log daar ook uit. Anders kan iemand anders op dit apparaat misschien inloggen met uw DigiD.
digid-logout-submit = Uitloggen bij DigiD
partly-title = U bent misschien nog niet overal uitgelogd
partly = U bent hier uitgelogd. Misschien bent u, of iemand anders in deze browser, nog ingelogd bij DigiD of bij een andere website.
partly-do = Sluit uw browser. Doe dat zeker op een gedeelde computer.
partly-back = Terug naar de website

digid-failed-title = Inloggen met DigiD is niet gelukt
digid-failed = Er is een fout opgetreden in de communicatie met DigiD. Probeert u het later nogmaals. Indien deze fout blijft aanhouden, kijk dan op de website https://www.digid.nl voor de laatste informatie.
digid-failed-do = U bent niet ingelogd.
digid-site = Naar de website van DigiD
level-title = U kunt zo nog niet inloggen
level = U heeft de DigiD app of sms-controle nodig.
level-do = Zet de DigiD app of sms-controle aan op de website van DigiD. Log daarna hier opnieuw in.
level-substantieel = U heeft de DigiD app met een ID-check nodig. Dat heet DigiD Substantieel.
level-substantieel-do = Doe de ID-check in de DigiD app, met uw paspoort, identiteitskaart of rijbewijs. Log daarna hier opnieuw in met de app.
level-hoog = U heeft de DigiD app nodig, samen met uw identiteitskaart of rijbewijs. Dat heet DigiD Hoog.
level-hoog-do = Op de website van DigiD leest u hoe u dat aanzet. Log daarna hier opnieuw in.
young-title = Je kunt hier nog niet inloggen
young = Je bent nog geen 12 jaar. Je vader, moeder of voogd kijkt voor jou.
young-do = Zij loggen in met hun eigen DigiD. Vanaf je 12e kun je zelf inloggen.
child-title = U kunt zo niet inloggen voor uw kind
child-twelve = Bij ons staat dat uw kind 12 jaar of ouder is, of dat kan zijn. Dan kunt u niet meer op deze manier voor uw kind inloggen. U bent niet ingelogd.
child-twelve-do = Vraag bij de balie van uw zorgverlener hoe u samen met uw kind toegang regelt. Klopt de leeftijd niet? Vraag dan ook hulp bij de balie. Neem uw identiteitsbewijs mee, en dat van uw kind.
child-desk = We kunnen u nu niet laten inloggen voor dit kind. Misschien is uw kind bij ons nog niet goed ingeschreven. U bent niet ingelogd.
child-desk-do = Vraag hulp bij de balie van uw zorgverlener. Neem uw identiteitsbewijs mee, en dat van uw kind. Wilt u inloggen voor uzelf? Ga dan terug naar de website van uw zorgverlener en log opnieuw in.
out-title = U bent bij DigiD uitgelogd
out = U bent bij DigiD uitgelogd terwijl u hier aan het inloggen was. Daarom bent u niet ingelogd.
out-do = Wilt u toch inloggen? Ga terug naar de website van uw zorgverlener en log opnieuw in.
gone-title = Deze inlogpoging is verlopen
gone = Deze inlogpoging is verlopen of hoort bij een andere browser.
gone-do = Ga terug naar de website van uw zorgverlener en log opnieuw in. Sluit eerst andere vensters waarin u aan het inloggen was.
bad-request-title = Inloggen kan nu niet
bad-request = De website waar u vandaan komt, stuurde een vraag die we niet begrijpen. Dat ligt niet aan u.
bad-request-do = Ga terug naar de website van uw zorgverlener en probeer het opnieuw. Lukt het weer niet? Bel dan uw zorgverlener.
bad-request-code = Code voor de helpdesk: { $code }
busy-title = Het is erg druk
busy = Er loggen nu veel mensen in. Daarom lukt het even niet.
busy-do = Wacht tien seconden en laad deze pagina opnieuw.
tries-title = Wacht even met inloggen
tries = Er is net heel vaak geprobeerd om in te loggen met dit e-mailadres. Daarom kon het nu niet. We hebben uw wachtwoord nog niet bekeken.
tries-do = Probeer het over een minuut opnieuw.
return-title = Inloggen met DigiD is niet gelukt
return = Uw browser kwam niet goed terug van DigiD: het adres klopte niet. U bent niet ingelogd.
return-do = Ga terug naar de website van uw zorgverlener en log opnieuw in. Gebruik geen oude link of bladwijzer.
large-title = Dit is te veel
large = U stuurde meer dan we kunnen ontvangen. Er is niets veranderd.
large-do = Ga terug en vul minder in. Of ga terug naar de website van uw zorgverlener en log opnieuw in.
fault-title = Er ging iets mis
fault = Er ging bij ons iets mis. Dat ligt niet aan u.
fault-do = Probeer het over een paar minuten opnieuw. Lukt het weer niet? Bel dan uw zorgverlener en noem het nummer hieronder.
fault-number = Nummer: { $request }
not-found-title = Deze pagina bestaat niet
not-found = Het adres klopt niet, of de pagina is er niet meer.
not-found-do = Ga terug naar de website van uw zorgverlener en log opnieuw in.
method-title = Zo werkt deze pagina niet
method = Deze pagina kan niet op deze manier geopend worden.
method-do = Ga terug naar de website van uw zorgverlener en log opnieuw in.
forbidden-title = Dit formulier werkt niet meer
forbidden = Voor uw veiligheid hebben we het formulier niet verwerkt. Er is niets veranderd.
forbidden-do = Ga terug naar de website van uw zorgverlener en log opnieuw in. Uw browser moet cookies toestaan.
elsewhere-title = Koppelen is niet gelukt
elsewhere = Dit account of deze DigiD is al ergens anders aan gekoppeld. Er is niets veranderd.
elsewhere-do = Vraag hulp bij de balie van uw zorgverlener. Neem uw identiteitsbewijs mee.
another-title = Uw wachtwoord is niet veranderd
another = De DigiD waarmee u inlogde, hoort niet bij dit account. Er is niets veranderd.
another-do = Begin opnieuw en gebruik uw eigen DigiD. Lukt het niet? Vraag hulp bij de balie van uw zorgverlener. Neem uw identiteitsbewijs mee.
childs-digid = Bij ons staat dat je jonger bent dan 16 jaar. Daarom koppelen we je DigiD niet aan een account dat er al is. Er is niets veranderd.
childs-digid-do = Log opnieuw in met DigiD en kies “Ik heb nog geen account”. Gebruik een eigen e-mailadres. Een alias mag ook. Wil je liever het account dat er al is? Vraag hulp bij de balie van je zorgverlener. Neem je identiteitsbewijs mee.
mails-title = Te veel e-mails
mails = We hebben de laatste tijd veel e-mails naar dit adres gestuurd.
mails-do = Probeer het over een uur opnieuw.
password-too-long = Dit wachtwoord is te lang. Gebruik minder dan 256 tekens.
done-title = U bent ingelogd

form-post-title = U gaat nu verder
form-post-text = Gaat het niet vanzelf? Kies dan “Verder”.
form-post-submit = Verder
